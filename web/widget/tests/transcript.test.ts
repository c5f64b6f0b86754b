import { describe, expect, it } from "vitest";
import { Problem } from "../src/api";
import type { ChatEvent, Citation } from "../src/contract";
import { activity, delivered, emptyTranscript, reduce, sending, unsent, type Transcript } from "../src/transcript";

type Told = [id: string, event: ChatEvent];

const at = "2026-01-01T00:00:00Z";
const cited: Citation = { number: 1, passage_id: "p", source_id: "s", title: "Terms", heading: "Returns", page: 2, quote: "30 days", language: "en", url: "" };

const accepted = (n: number, position: number, turn: string | null): ChatEvent => ({
  type: "accepted",
  data: { turn_id: turn, message_id: `m${n}`, client_message_id: `c${n}`, position, author: "customer", text: `question ${n}`, at },
});
const status = (turn: string, stage: "searching" | "writing"): ChatEvent => ({ type: "status", data: { turn_id: turn, stage } });
const delta = (turn: string, text: string): ChatEvent => ({ type: "delta", data: { turn_id: turn, text } });
const message = (turn: string | null, position: number, text: string, more: object = {}): ChatEvent => ({
  type: "message",
  data: { turn_id: turn, message_id: `a${position}`, position, author: "agent", kind: "text", text, citations: [], offer_person: false, at, ...more },
});
const done = (turn: string): ChatEvent => ({ type: "done", data: { turn_id: turn } });

const play = (events: Told[], from: Transcript = emptyTranscript) => events.reduce((state, [id, event]) => reduce(state, event, id), from);
const texts = (state: Transcript) => state.items.filter(({ text }) => text).map(({ text }) => text);

const TURN: Told[] = [
  ["1", accepted(1, 1, "t1")],
  ["2", status("t1", "searching")],
  ["1.1.1", delta("t1", "First. ")],
  ["1.1.2", delta("t1", "Second.")],
  ["3", { type: "citation", data: { turn_id: "t1", citation: cited } }],
  ["4", message("t1", 2, "First. Second, revised.", { citations: [cited] })],
  ["5", done("t1")],
];

describe("a turn", () => {
  it("shows what the agent is doing, then the running answer, then the final one in its place", () => {
    expect(activity(play(TURN.slice(0, 1)))).toBe("waiting");
    expect(activity(play(TURN.slice(0, 2)))).toBe("searching");
    const running = play(TURN.slice(0, 5));
    expect(activity(running)).toBe("writing");
    expect(texts(running)).toEqual(["question 1", "First. Second."]);
    expect(running.items[1]?.citations).toEqual([cited]);
    const final = play(TURN);
    expect(texts(final)).toEqual(["question 1", "First. Second, revised."]);
    expect(activity(final)).toBeNull();
  });

  it("replaces the optimistic message by its echo instead of doubling it", () => {
    const mine = sending(emptyTranscript, "c1", "question 1");
    expect(mine.items[0]?.state).toBe("sending");
    const echoed = play(TURN.slice(0, 1), mine);
    expect(echoed.items.filter(({ author }) => author === "customer")).toHaveLength(1);
    expect(echoed.items[0]).toMatchObject({ key: "c1", state: "sent", order: 1 });
  });

  it("is the same after being told again from its beginning, and from any point", () => {
    const final = play(TURN);
    expect(play(TURN, final)).toEqual(final);
    for (let from = 0; from < TURN.length; from += 1) {
      for (let to = from; to <= TURN.length; to += 1) {
        expect(play(TURN.slice(from), play(TURN.slice(0, to))), `resumed at ${from} after ${to}`).toEqual(final);
      }
    }
  });

  it("does not append a delta that it has had", () => {
    const state = play([...TURN.slice(0, 3), TURN[2]!]);
    expect(texts(state)).toEqual(["question 1", "First. "]);
  });

  it("drops its streamed text on reset, and takes the repeated run with the same delta ids", () => {
    const reset: Told = ["r", { type: "reset", data: { turn_id: "t1" } }];
    const dropped = play([...TURN.slice(0, 4), reset]);
    expect(texts(dropped)).toEqual(["question 1"]);
    expect(activity(dropped)).toBe("waiting");
    expect(texts(play([["1.1.1", delta("t1", "Again.")]], dropped))).toEqual(["question 1", "Again."]);
  });

  it("keeps a partial answer, marked, above the error that ended it", () => {
    const state = play([
      ...TURN.slice(0, 4),
      ["4", message("t1", 2, "First.", { kind: "partial" })],
      ["5", { type: "error", data: { turn_id: "t1", code: "failed", text: "Sorry.", offer_person: true } }],
      ["6", done("t1")],
    ]);
    expect(state.items.map((item) => item.state)).toEqual(["sent", "partial", "error"]);
    expect(state.items[2]?.offerPerson).toBe(true);
    expect(activity(state)).toBeNull();
    const answered = play([["7", { type: "reset", data: { turn_id: "t1" } }], ["8", message("t1", 3, "Whole.")]], state);
    expect(answered.items.map((item) => item.state)).toEqual(["sent", "partial", "final"]);
  });
});

describe("several messages", () => {
  it("stand by position: a follower sees the order that a reload gives", () => {
    const events: Told[] = [
      ["1", accepted(1, 1, "t1")],
      ["1.1.1", delta("t1", "Answer 1")],
      ["2", accepted(2, 2, "t2")],
      ["3", message("t1", 3, "Answer 1")],
      ["4", message("t2", 4, "Answer 2")],
    ];
    expect(texts(play(events.slice(0, 3)))).toEqual(["question 1", "question 2", "Answer 1"]);
    expect(texts(play(events))).toEqual(["question 1", "question 2", "Answer 1", "Answer 2"]);
  });

  it("put a message being sent before the running answer", () => {
    const state = sending(play(TURN.slice(0, 3)), "c2", "question 2");
    expect(texts(state)).toEqual(["question 1", "question 2", "First. "]);
  });
});

describe("a handover", () => {
  const human: Told = ["h", { type: "handover", data: { mode: "human", text: "Anna takes over.", at } }];

  it("ends what the agent was writing and awaits it no more", () => {
    const state = play([...TURN.slice(0, 3), human, ["9", accepted(2, 2, "t2")]]);
    expect(texts(state)).toEqual(["question 1", "Anna takes over.", "question 2"]);
    expect(activity(state)).toBeNull();
    expect(activity(sending(state, "c3", "more"))).toBeNull();
  });

  it("is told once, though it also comes as a stored message", () => {
    const state = play([...TURN, human, ["10", message(null, 3, "Anna takes over.", { author: "system", kind: "event" })]]);
    expect(texts(state).filter((text) => text === "Anna takes over.")).toHaveLength(1);
  });
});

describe("delivery", () => {
  const problem = new Problem(0);

  it("marks a failure with its reason, and a retry keeps the id", () => {
    const failed = delivered(sending(emptyTranscript, "c1", "question 1"), "c1", problem);
    expect(failed.items[0]).toMatchObject({ state: "failed", problem });
    const again = sending(failed, "c1", "question 1");
    expect(again.items).toHaveLength(1);
    expect(again.items[0]).toMatchObject({ state: "sending" });
  });

  it("believes the echo rather than a lost answer to the request", () => {
    const echoed = play(TURN.slice(0, 1), sending(emptyTranscript, "c1", "question 1"));
    expect(delivered(echoed, "c1", problem).items[0]?.state).toBe("sent");
  });

  it("keeps only unsent messages when the conversation is refused", () => {
    expect(texts(unsent(sending(play(TURN), "c2", "question 2")))).toEqual(["question 2"]);
  });
});

it("ignores events of a kind it does not know", () => {
  expect(reduce(emptyTranscript, { type: "novelty", data: {} } as unknown as ChatEvent, "1")).toBe(emptyTranscript);
});
