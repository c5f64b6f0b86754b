import { describe, expect, it } from "vitest";
import { eventParser, type ServerEvent } from "../src/sse";

const STREAM =
  ": hb\n\nid: 1.a\nevent: delta\ndata: {\"text\":\"å 🙂\"}\n\n" +
  "id: 2.b\r\nevent: message\r\ndata: one\r\ndata: two\r\n\r\n" +
  "event: ignored\n\ndata\n\ndata:no space\n\n: end\n\ndata: never completed\n";

const EXPECTED: ServerEvent[] = [
  { id: "1.a", type: "delta", data: '{"text":"å 🙂"}' },
  { id: "2.b", type: "message", data: "one\ntwo" },
  { id: "2.b", type: "", data: "" },
  { id: "2.b", type: "", data: "no space" },
];

function parse(bytes: Uint8Array, sizes: () => number): ServerEvent[] {
  const push = eventParser();
  const events: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    events.push(...push(bytes.slice(at, at + size)));
    at += size;
  }
  return events;
}

describe("the event stream parser", () => {
  const bytes = new TextEncoder().encode(STREAM);

  it("gives the same events for every fixed chunk size, down to single bytes", () => {
    for (let size = 1; size <= bytes.length; size += 1) expect(parse(bytes, () => size), `chunks of ${size}`).toEqual(EXPECTED);
  });

  it("gives the same events for irregular chunks", () => {
    let seed = 7;
    const random = () => 1 + ((seed = (seed * 16807) % 2147483647) % 9);
    for (let run = 0; run < 200; run += 1) expect(parse(bytes, random)).toEqual(EXPECTED);
  });

  it("keeps a value's colons and only strips one leading space", () => {
    const push = eventParser();
    expect(push(new TextEncoder().encode("data:  a: b:c\n\n"))[0]?.data).toBe(" a: b:c");
  });
});
