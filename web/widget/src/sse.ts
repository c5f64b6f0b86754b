export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** A reader of `text/event-stream` bytes in whatever pieces they arrive; gives the events that a piece completes. */
export function eventParser(): (bytes: Uint8Array) => ServerEvent[] {
  const decoder = new TextDecoder();
  let rest = "";
  let id = "";
  let type = "";
  let data: string[] = [];
  return (bytes) => {
    const events: ServerEvent[] = [];
    // a CR at the very end waits: it may be half of a CRLF
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      const [, field, value = ""] = /^([^:]*):? ?(.*)$/.exec(line)!;
      if (!line) {
        if (data.length) events.push({ id, type, data: data.join("\n") });
        type = "";
        data = [];
      } else if (field === "data") data.push(value);
      else if (field === "event") type = value;
      else if (field === "id") id = value;
    }
    return events;
  };
}
