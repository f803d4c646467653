/**
 * The requests of one call to its web server, and what of the answers is followed.
 *
 * Order is kept, and one request is under way at a time; how each is signed, tried again and given
 * up is left to `http/webhook_request.ts`.
 *
 * @module
 */

import type { Asking, Reply } from "./action_runner.ts";
import type { WebAction } from "./step.ts";
import type { WebAnswer, WebProtocol, WebRequest } from "./web_protocol.ts";

/** What came of a request: an answer of status 2xx, or why there is none. */
export type PostResult =
  | { readonly type: "answered" } & WebAnswer
  | { readonly type: "failed"; readonly reason: string };

/** What a line is made of. */
export interface WebLineOptions {
  readonly protocol: Pick<WebProtocol, "read">;
  /** Sends; told once, unless aborted. */
  readonly post: (request: WebRequest, done: (result: PostResult) => void) => Asking;
  /** A URL without what nobody else may see. */
  readonly publicUrl: (url: string) => string;
  readonly log: (line: string) => void;
}

/** What the answer to a notification asks for. */
export type Answered = (actions: readonly WebAction[], base: string) => void;

/** The requests of one call. */
export class WebLine {
  readonly #options: WebLineOptions;
  readonly #open = new Set<Asking>();
  #quiet: (() => void) | undefined;

  constructor(options: WebLineOptions) {
    this.#options = options;
  }

  /** Asks what to do; whatever is wrong with the answer is a failure. */
  ask(request: WebRequest, replied: (reply: Reply) => void): Asking {
    return this.#send(request, (result) => {
      if (result.type === "failed") return replied(result);
      const reading = this.#options.protocol.read(result);
      if (!reading.ok) {
        const reason = `${this.#options.publicUrl(result.url)}: ${reading.message}`;
        return replied({ type: "failed", reason });
      }
      const { actions } = reading;
      const { url: base } = result;
      replied(actions === undefined ? { type: "none" } : { type: "actions", actions, base });
    });
  }

  /** Tells something; whatever is wrong with the answer is only logged. */
  tell(request: WebRequest, answered: Answered = () => {}): void {
    this.ask(request, (reply) => {
      if (reply.type === "actions") answered(reply.actions, reply.base);
      if (reply.type === "failed") this.#options.log(`${request.name}: ${reply.reason}`);
    });
  }

  /** Gives up whatever is under way. */
  abort(): void {
    for (const asking of [...this.#open]) asking.abort();
    this.#settle();
  }

  /** Calls back when nothing is under way any more; before the return when that is so already. */
  whenQuiet(quiet: () => void): void {
    this.#quiet = quiet;
    this.#settle();
  }

  #send(request: WebRequest, done: (result: PostResult) => void): Asking {
    let isOver = false;
    const end = () => {
      isOver = true;
      this.#open.delete(asking);
    };
    const asking: Asking = {
      abort: () => {
        if (isOver) return;
        end();
        posted.abort();
        this.#settle();
      },
    };
    this.#open.add(asking);
    const posted = this.#options.post(request, (result) => {
      if (isOver) return;
      end();
      done(result);
      this.#settle();
    });
    return asking;
  }

  #settle(): void {
    if (this.#open.size > 0) return;
    const quiet = this.#quiet;
    this.#quiet = undefined;
    quiet?.();
  }
}
