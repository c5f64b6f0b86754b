import type { Ticket } from "./contract";

/** What the visitor's browser remembers of one publishable key's conversation. */
export interface ConversationRecord extends Ticket {
  open?: boolean;
}

const memory: Record<string, string> = {};

/** localStorage, or memory where the browser or the page forbids it. */
export class Records {
  private readonly name: string;

  /** Each visitor whom the page's server names has a conversation of their own. */
  constructor(key: string, who = "") {
    this.name = "replik:" + key + who;
  }

  read(): ConversationRecord | null {
    try {
      const text = attempt(() => localStorage.getItem(this.name)) ?? memory[this.name];
      const record = JSON.parse(text ?? "null") as ConversationRecord | null;
      return record?.visitor_token ? record : null;
    } catch {
      return null;
    }
  }

  write(record: ConversationRecord): void {
    memory[this.name] = JSON.stringify(record);
    attempt(() => localStorage.setItem(this.name, memory[this.name]!));
  }

  setOpen(open: boolean): void {
    const record = this.read();
    if (record) this.write({ ...record, open });
  }

  forget(): void {
    delete memory[this.name];
    attempt(() => localStorage.removeItem(this.name));
  }
}

function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
