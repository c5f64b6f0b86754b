import type { Ticket } from "./contract";

const TIMEOUT_MS = 20_000;

/** A request that did not succeed; `status` 0 means that no answer came. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** Seconds. */
    readonly retryAfter = 0,
  ) {
    super();
  }
}

export class ChatApi {
  private readonly base: string;
  /** Who the visitor is, signed by the page's server; empty for nobody in particular. */
  identity?: string;

  constructor(origin: string) {
    this.base = origin + "/api/chat/conversations";
  }

  async begin(key: string, idempotencyKey: string, language: string): Promise<Ticket> {
    const response = await this.post("", key, { language, identity: this.identity || undefined }, { "Idempotency-Key": idempotencyKey });
    return (await response.json()) as Ticket;
  }

  async send(ticket: Ticket, clientMessageId: string, text: string): Promise<void> {
    await this.post(`/${ticket.conversation_id}/messages`, ticket.visitor_token, {
      client_message_id: clientMessageId,
      text,
    });
  }

  /** Another hold on the same conversation, for longer. */
  async renew(ticket: Ticket): Promise<Ticket> {
    return { ...ticket, ...(await (await this.post(`/${ticket.conversation_id}/token`, ticket.visitor_token, {})).json()) };
  }

  async askForPerson(ticket: Ticket): Promise<void> {
    await this.post(`/${ticket.conversation_id}/handover`, ticket.visitor_token, {});
  }

  /** The conversation's event stream, from its beginning or after `lastId`. */
  events(ticket: Ticket, lastId: string, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = {};
    if (lastId) headers["Last-Event-ID"] = lastId;
    return this.request(`/${ticket.conversation_id}/events`, ticket.visitor_token, { headers, signal });
  }

  private post(path: string, token: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
    return this.request(path, token, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  private async request(path: string, token: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.base + path, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${token}` },
        credentials: "omit",
      });
    } catch {
      throw new Problem(0);
    }
    if (response.ok) return response;
    throw new Problem(response.status, Number(response.headers.get("Retry-After")) || 0);
  }
}
