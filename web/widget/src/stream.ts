import { Problem } from "./api";
import { backoff } from "./backoff";
import { eventParser, type ServerEvent } from "./sse";

export type Connection = "open" | "lost";

const SILENCE_MS = 40_000;

export interface StreamListener {
  event(event: ServerEvent): void;
  connection(state: Connection): void;
  /** The conversation is not ours any more (401, 404): following it has ended. */
  refused(): void;
}

type Connect = (lastId: string, signal: AbortSignal) => Promise<Response>;

/** Follows one conversation, whatever happens to the connection, until the returned function is called. */
export function followEvents(connect: Connect, listener: StreamListener): () => void {
  let lastId = "";
  let failures = 0;
  let stopped = false;
  let attempt: AbortController;
  let endPause = () => {};

  /** One connection until it ends; gives the seconds the server asks us to stay away. */
  const follow = async (): Promise<number> => {
    const current = (attempt = new AbortController());
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => current.abort(), SILENCE_MS);
    };
    heard();
    try {
      const response = await connect(lastId, current.signal);
      const reader = response.body!.getReader();
      const parse = eventParser();
      if (!stopped) listener.connection("open");
      for (;;) {
        const { done, value } = await reader.read();
        if (done || stopped) return 0;
        heard();
        failures = 0;
        for (const event of parse(value)) {
          // first, so that an event we cannot read is not asked for again
          lastId = event.id || lastId;
          listener.event(event);
        }
      }
    } catch (error) {
      if (!(error instanceof Problem)) return 0;
      if (!stopped && (error.status === 401 || error.status === 404)) {
        stop();
        listener.refused();
      }
      return error.retryAfter;
    } finally {
      clearTimeout(silence);
      current.abort();
    }
  };

  const run = async () => {
    for (;;) {
      const retryAfter = await follow();
      if (stopped) return;
      // one quiet retry first: proxies end old streams as a matter of course
      if (failures) listener.connection("lost");
      const pause = Math.max(backoff(failures++), retryAfter * 1000);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (stopped) return;
    }
  };

  const wake = () => endPause();
  const stop = () => {
    stopped = true;
    removeEventListener("online", wake);
    removeEventListener("focus", wake);
    attempt.abort();
    endPause();
  };

  addEventListener("online", wake);
  addEventListener("focus", wake);
  void run();
  return stop;
}
