import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatApi } from "../src/api";
import { converse } from "../src/conversation";
import { Records } from "../src/records";

interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, string>;
}

/** A server that answers by `answer` and lets the test write into the open event streams. */
class Server {
  readonly requests: Request[] = [];
  readonly streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  answer: (request: Request) => Response | undefined = () => undefined;

  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    const request = {
      method: init.method ?? "GET",
      path: new URL(url).pathname.replace("/api/chat/conversations", ""),
      headers: init.headers as Record<string, string>,
      body: init.body ? JSON.parse(init.body as string) : {},
    };
    expect(init.credentials).toBe("omit");
    this.requests.push(request);
    const special = this.answer(request);
    if (special?.type === "error") return Promise.reject(new TypeError("network"));
    if (special) return Promise.resolve(special);
    if (request.method === "GET") {
      const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.streams.push(controller);
        init.signal!.addEventListener("abort", () => {
          try {
            controller.error(new DOMException("aborted", "AbortError"));
          } catch {
            // it has ended already
          }
        });
      };
      return Promise.resolve(new Response(new ReadableStream({ start })));
    }
    const ticket = { conversation_id: "conv_1", visitor_token: "token", expires_at: "2099-01-01T00:00:00Z" };
    return Promise.resolve(Response.json(request.path ? {} : ticket, { status: request.path ? 202 : 201 }));
  };

  tell(id: string, event: string, data: object): void {
    this.streams.at(-1)!.enqueue(new TextEncoder().encode(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  to(method: string, path: string): Request[] {
    return this.requests.filter((one) => one.method === method && one.path === path);
  }
}

const refused = () => Response.json({ code: "conversation.unknown" }, { status: 404 });

let server: Server;
const open: { close(): void }[] = [];
const start = () => {
  const conversation = converse(new ChatApi("https://replik.test"), new Records("pk_1"), "pk_1", "sv", () => {});
  open.push(conversation);
  return conversation;
};
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  vi.stubGlobal("fetch", server.fetch);
  localStorage.clear();
  new Records("pk_1").forget();
});

afterEach(() => {
  open.splice(0).forEach((one) => one.close());
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a conversation", () => {
  it("begins with the first message and not before", async () => {
    const conversation = start();
    conversation.resume();
    await settle();
    expect(server.requests).toEqual([]);
    conversation.send("hello");
    await settle();
    const [begin] = server.to("POST", "");
    expect(begin?.headers).toMatchObject({ Authorization: "Bearer pk_1", "Idempotency-Key": expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(begin?.body).toEqual({ language: "sv" });
    expect(server.to("POST", "/conv_1/messages")[0]?.body.text).toBe("hello");
    expect(conversation.state.transcript.items[0]?.state).toBe("sent");
  });

  it("is begun once for two messages, which arrive in their order", async () => {
    const conversation = start();
    conversation.send("one");
    conversation.send("two");
    await settle();
    expect(server.to("POST", "")).toHaveLength(1);
    expect(server.to("POST", "/conv_1/messages").map(({ body }) => body.text)).toEqual(["one", "two"]);
  });

  it("repeats a failed beginning under the same idempotency key, and the message under the same id", async () => {
    server.answer = ({ method, path }) => (method === "POST" && path === "" && server.to("POST", "").length === 1 ? Response.error() : undefined);
    const conversation = start();
    conversation.send("hello");
    await settle();
    const [failed] = conversation.state.transcript.items;
    expect(failed).toMatchObject({ state: "failed", problem: { status: 0 } });
    conversation.retry(failed!.key);
    await settle();
    const keys = server.to("POST", "").map(({ headers }) => headers["Idempotency-Key"]);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
    expect(server.to("POST", "/conv_1/messages")[0]?.body.client_message_id).toBe(failed!.key);
    expect(conversation.state.transcript.items).toHaveLength(1);
  });

  it("is found again after a reload and replayed from its beginning", async () => {
    const before = start();
    before.send("hello");
    await settle();
    before.close();
    const conversation = start();
    conversation.resume();
    await settle();
    const follow = server.to("GET", "/conv_1/events").at(-1);
    expect(follow?.headers).toEqual({ Authorization: "Bearer token" });
    expect(conversation.state.live).toBe(false);
    server.tell("1", "accepted", { turn_id: "t", message_id: "m", client_message_id: "c", position: 1, author: "customer", text: "hello", at: "" });
    await settle();
    expect(conversation.state.transcript.items.map(({ text }) => text)).toContain("hello");
    expect(server.to("POST", "")).toHaveLength(1);
  });

  it("renews its token on resuming and each hour, and follows with the new one", async () => {
    let number = 0;
    const fresh = () => Response.json({ visitor_token: `token ${(number += 1)}`, expires_at: "2099-01-01T00:00:00Z" });
    server.answer = ({ path }) => (path === "/conv_1/token" ? fresh() : undefined);
    new Records("pk_1").write({ conversation_id: "conv_1", visitor_token: "token", expires_at: "", open: true });
    const conversation = start();
    conversation.resume();
    await settle();
    expect(new Records("pk_1").read()).toMatchObject({ conversation_id: "conv_1", visitor_token: "token 1", open: true });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(server.to("POST", "/conv_1/token").map(({ headers }) => headers.Authorization)).toEqual(["Bearer token", "Bearer token 1"]);
    conversation.send("hello");
    await settle();
    expect(server.to("POST", "/conv_1/messages")[0]?.headers.Authorization).toBe("Bearer token 2");
    conversation.close();
    await vi.advanceTimersByTimeAsync(7_200_000);
    expect(server.to("POST", "/conv_1/token")).toHaveLength(2);
  });

  it("goes on with its token when renewing fails", async () => {
    server.answer = ({ path }) => (path === "/conv_1/token" ? Response.error() : undefined);
    new Records("pk_1").write({ conversation_id: "conv_1", visitor_token: "token", expires_at: "" });
    const conversation = start();
    conversation.resume();
    await settle();
    expect(new Records("pk_1").read()?.visitor_token).toBe("token");
    conversation.send("hello");
    await settle();
    expect(server.to("POST", "/conv_1/messages")[0]?.headers.Authorization).toBe("Bearer token");
  });

  it("starts fresh when the server no longer knows it, and says nothing until then", async () => {
    new Records("pk_1").write({ conversation_id: "conv_old", visitor_token: "old", expires_at: "" });
    server.answer = ({ path }) => (path.startsWith("/conv_old") ? refused() : undefined);
    const conversation = start();
    conversation.resume();
    await settle();
    expect(new Records("pk_1").read()).toBeNull();
    expect(conversation.state).toMatchObject({ connection: "open" });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.to("GET", "/conv_old/events")).toHaveLength(1);
    conversation.send("hello");
    await settle();
    expect(server.to("POST", "/conv_1/messages")).toHaveLength(1);
  });

  it("moves a message to a new conversation when the old one refuses it, under the same id", async () => {
    const conversation = start();
    conversation.send("one");
    await settle();
    let known = false;
    server.answer = ({ path }) => {
      if (path === "/conv_1/messages" && !known) {
        known = true;
        return refused();
      }
      return undefined;
    };
    conversation.send("two");
    await settle();
    const sent = server.to("POST", "/conv_1/messages").slice(1);
    const keys = server.to("POST", "").map(({ headers }) => headers["Idempotency-Key"]);
    expect(new Set(keys).size).toBe(2);
    expect(sent).toHaveLength(2);
    expect(sent[0]?.body).toEqual(sent[1]?.body);
    expect(conversation.state.transcript.items.map(({ text }) => text)).toEqual(["two"]);
  });

  it("asks for a person", async () => {
    const conversation = start();
    conversation.send("hello");
    await settle();
    await conversation.askForPerson();
    expect(server.to("POST", "/conv_1/handover")).toHaveLength(1);
    expect(conversation.state.asking).toBe("asking");
    server.tell("2", "handover", { mode: "human", text: "", at: "" });
    await settle();
    expect(conversation.state).toMatchObject({ asking: "no", transcript: { mode: "human" } });
  });
});

describe("the connection", () => {
  const connected = async () => {
    const conversation = start();
    conversation.send("hello");
    await settle();
    server.tell("7.1", "delta", { turn_id: "t", text: "Hi" });
    await settle();
    return conversation;
  };
  const follows = () => server.to("GET", "/conv_1/events");

  it("resumes after the last event when the stream ends, without alarm", async () => {
    const conversation = await connected();
    server.streams.at(-1)!.close();
    await vi.advanceTimersByTimeAsync(600);
    expect(follows()).toHaveLength(2);
    expect(follows()[1]?.headers["Last-Event-ID"]).toBe("7.1");
    expect(conversation.state.connection).toBe("open");
  });

  it("is lost after forty silent seconds and tries again; heartbeats keep it", async () => {
    await connected();
    await vi.advanceTimersByTimeAsync(30_000);
    server.streams.at(-1)!.enqueue(new TextEncoder().encode(": hb\n\n"));
    await vi.advanceTimersByTimeAsync(39_000);
    expect(follows()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(follows()).toHaveLength(2);
  });

  it("says so when it stays away, backs off, and comes back", async () => {
    const conversation = await connected();
    server.answer = ({ method }) => (method === "GET" ? Response.error() : undefined);
    server.streams.at(-1)!.close();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(conversation.state.connection).toBe("lost");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(follows().length).toBeLessThan(14);
    server.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(conversation.state.connection).toBe("open");
  });

  it("stays away as long as the server asks", async () => {
    await connected();
    server.answer = ({ method }) => (method === "GET" ? Response.json({}, { status: 429, headers: { "Retry-After": "20" } }) : undefined);
    server.streams.at(-1)!.close();
    await vi.advanceTimersByTimeAsync(1_000);
    const tries = follows().length;
    await vi.advanceTimersByTimeAsync(18_000);
    expect(follows()).toHaveLength(tries);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(follows()).toHaveLength(tries + 1);
  });
});
