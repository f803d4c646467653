/**
 * The heads of HTTP/1.1 messages, as far as a WebSocket handshake needs them: first line and header
 * fields, no bodies. RFC 9112 §2–5.
 *
 * @module
 */

/** A head that is too long, or that cannot be read. */
export class HttpHeadError extends Error {
  override readonly name = "HttpHeadError";
}

/** First line and header fields. */
export interface HttpHead {
  /** Its three parts: method, target and version, or version, status and reason. */
  readonly start: readonly [string, string, string];
  /** By lower-case name; several of one name are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A head and its empty line. */
const HEAD_BYTES_MAX = 8192;

const HEADERS_MAX = 64;

const REQUEST_LINE = /^([!-~]+) ([!-~]+) (HTTP\/1\.\d)$/;

const STATUS_LINE = /^(HTTP\/1\.\d) (\d{3})(?: ([\t -~\x80-\xff]*))?$/;

/** RFC 9110 §5.1, §5.5; a name is directly before its colon: RFC 9112 §5.1. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/;

const CR = 13;
const LF = 10;

/** Collects the bytes of one head. */
export class HttpHeadReader {
  readonly #kind: "request" | "response";
  #bytes = new Uint8Array(1024);
  #used = 0;

  constructor(kind: "request" | "response") {
    this.#kind = kind;
  }

  /**
   * Takes what came.
   *
   * @returns The head, and what came behind it (a part of `data`); `undefined` while it is not
   * complete.
   * @throws {HttpHeadError} The peer must be disconnected.
   */
  receive(data: Uint8Array): { readonly head: HttpHead; readonly rest: Uint8Array } | undefined {
    const before = this.#used;
    const taken = Math.min(data.length, HEAD_BYTES_MAX - before);
    this.#append(data.subarray(0, taken));
    // An empty line may have begun in what came before.
    const end = this.#emptyLine(Math.max(0, before - 3));
    if (end !== undefined) {
      const text = latin1(this.#bytes.subarray(0, end - 4));
      return { head: parseHead(this.#kind, text), rest: data.subarray(end - before) };
    }
    if (this.#used < HEAD_BYTES_MAX) return undefined;
    throw new HttpHeadError("The head is too long");
  }

  #append(data: Uint8Array): void {
    const needed = this.#used + data.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#bytes.set(data, this.#used);
    this.#used = needed;
  }

  /** Where what follows the first CRLFCRLF begins. */
  #emptyLine(from: number): number | undefined {
    const bytes = this.#bytes;
    for (let at = from; at + 3 < this.#used; at++) {
      const isEnd = bytes[at] === CR && bytes[at + 1] === LF && bytes[at + 2] === CR &&
        bytes[at + 3] === LF;
      if (isEnd) return at + 4;
    }
    return undefined;
  }
}

/** Tells whether a list, such as that of `Connection`, has a token; case is ignored. */
export function hasToken(list: string | undefined, token: string): boolean {
  return tokensOf(list).some((each) => each.toLowerCase() === token);
}

/** The elements of a comma-separated list. RFC 9110 §5.6.1 */
export function tokensOf(list: string | undefined): string[] {
  return (list ?? "").split(",").map((each) => each.trim()).filter((each) => each !== "");
}

function parseHead(kind: "request" | "response", text: string): HttpHead {
  const [first = "", ...lines] = text.split("\r\n");
  const match = (kind === "request" ? REQUEST_LINE : STATUS_LINE).exec(first);
  if (match === null) throw new HttpHeadError("The first line cannot be read");
  if (lines.length > HEADERS_MAX) throw new HttpHeadError("There are too many header fields");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const field = HEADER.exec(line);
    if (field === null) throw new HttpHeadError("A header field cannot be read");
    const [name, value] = [(field[1] ?? "").toLowerCase(), (field[2] ?? "").trim()];
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return { start: [match[1] ?? "", match[2] ?? "", match[3] ?? ""], headers };
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
