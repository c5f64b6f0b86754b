import { Problem, type ChatApi } from "./api";
import type { ChatEvent, Staff, Ticket } from "./contract";
import type { Records } from "./records";
import { followEvents, type Connection } from "./stream";
import { delivered, emptyTranscript, reduce, sending, unsent, type Transcript } from "./transcript";
import { uuid } from "./uuid";

/** Nothing is announced while a conversation is being replayed; this long after opening it is over. */
const REPLAY_MS = 1500;
/** How often the hold on the conversation is renewed while the page is open. */
const RENEW_MS = 3_600_000;

/** What a panel shows. */
export interface ConversationState {
  transcript: Transcript;
  connection: Connection;
  /** Has the visitor asked for a person? */
  asking: "no" | "asking" | "failed";
  /** False while the past is replayed. */
  live: boolean;
  /** As the server last said. */
  staff?: Staff | null;
}

export type Conversation = ReturnType<typeof converse>;

/** One visitor's conversation under one publishable key: sends, follows, remembers. `changed` follows every change of its state. */
export function converse(api: ChatApi, records: Records, key: string, language: string, changed: () => void) {
  const state: ConversationState = { transcript: emptyTranscript, connection: "open", asking: "no", live: true };
  let ticket: Ticket | null = null;
  let beginning: Promise<Ticket> | null = null;
  let beginKey = uuid();
  let queue = Promise.resolve();
  let close = () => {};

  const show = (change: Partial<ConversationState>) => {
    Object.assign(state, change);
    changed();
  };

  const follow = (known: Ticket) => {
    ticket = known;
    state.staff = known.staff;
    const renewing = setInterval(renew, RENEW_MS);
    const end = followEvents((lastId, signal) => api.events(ticket!, lastId, signal), {
      event({ id, type, data }) {
        if (type === "handover") state.asking = "no";
        const said = JSON.parse(data);
        // who is offered or awaits a person hears whether one is there now, not an hour ago
        if (state.staff && state.live && (type === "handover" || said.offer_person)) void renew();
        show({ transcript: reduce(state.transcript, { type, data: said } as ChatEvent, id) });
      },
      connection(connection) {
        setTimeout(() => (state.live = true), REPLAY_MS);
        show({ connection });
      },
      refused: leave,
    });
    close = () => {
      clearInterval(renewing);
      end();
    };
  };

  const renew = async () => {
    const held = ticket;
    try {
      const fresh = await api.renew(held!);
      if (ticket !== held) return;
      records.write({ ...records.read(), ...(ticket = fresh) });
      show({ staff: fresh.staff });
    } catch {
      // the old one may go on; if not, the next request says so
    }
  };

  /** The server does not know this conversation (any more): the next message begins a new one. */
  const leave = () => {
    close();
    ticket = null;
    records.forget();
    show({ connection: "open", asking: "no", transcript: unsent(state.transcript) });
  };

  const begun = async (): Promise<Ticket> => {
    if (ticket) return ticket;
    beginning ??= api.begin(key, beginKey, language);
    try {
      const fresh = await beginning;
      records.write({ ...fresh, open: true });
      beginKey = uuid();
      follow(fresh);
      return fresh;
    } finally {
      beginning = null;
    }
  };

  const post = async (clientMessageId: string, text: string) => {
    const known = ticket;
    try {
      await api.send(await begun(), clientMessageId, text);
    } catch (error) {
      if (!known || !(error instanceof Problem) || (error.status !== 401 && error.status !== 404)) throw error;
      leave();
      await api.send(await begun(), clientMessageId, text);
    }
  };

  const deliver = (clientMessageId: string, text: string) => {
    show({ transcript: sending(state.transcript, clientMessageId, text) });
    // one after the other, so that messages arrive in the order in which they were written
    queue = queue.then(async () => {
      let problem: Problem | null = null;
      try {
        await post(clientMessageId, text);
      } catch (error) {
        problem = error as Problem;
      }
      show({ transcript: delivered(state.transcript, clientMessageId, problem) });
    });
  };

  return {
    state,
    /** Finds the conversation again that this browser had; begins none. */
    resume() {
      const record = records.read();
      if (!record) return;
      state.live = false;
      follow(record);
      void renew();
    },
    send(text: string) {
      state.live = true;
      deliver(uuid(), text);
    },
    /** Sends a failed message again, under its first id: the server knows whether it already has it. */
    retry(clientMessageId: string) {
      const item = state.transcript.items.find((one) => one.key === clientMessageId);
      if (item?.state === "failed") deliver(clientMessageId, item.text);
    },
    async askForPerson() {
      if (!ticket) return;
      show({ asking: "asking" });
      try {
        await api.askForPerson(ticket);
      } catch {
        show({ asking: "failed" });
      }
    },
    close: () => close(),
  };
}
