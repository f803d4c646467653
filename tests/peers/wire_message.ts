/**
 * What SIPp has sent and received, read from the log that it keeps, without any code of the product.
 *
 * @module
 */

/** One message, as SIPp saw it. */
export interface WireMessage {
  readonly direction: "sent" | "received";
  /** `INVITE`, or the status of a response: `200`. */
  readonly name: string;
  /** `1 INVITE`. */
  readonly cseq: string;
  /** Start-line and headers. */
  readonly head: string;
  /** Without the end of its last line; empty when there is none. */
  readonly body: string;
}

/** Cuts the file of `-trace_msg` into its messages. */
export function readMessages(log: string): readonly WireMessage[] {
  const parts = log.replaceAll("\r\n", "\n").split(/^-{40,} \d{4}-.*\n/m).slice(1);
  return parts.flatMap((part) => {
    const found = /^(?:UDP|TCP) message (sent|received) .*:\n\n([^]*)/.exec(part);
    if (found === null) return [];
    const [, direction, text = ""] = found;
    const end = text.indexOf("\n\n");
    const head = end < 0 ? text : text.slice(0, end);
    const body = end < 0 ? "" : text.slice(end + 2).trimEnd();
    const status = /^SIP\/2\.0 (\d{3})/.exec(head)?.[1];
    const name = status ?? /^\S+/.exec(head)?.[0] ?? "";
    const message = { direction: direction as "sent" | "received", name, head, body };
    return [{ ...message, cseq: headerOf(message, "CSeq") ?? "" }];
  });
}

/** The first value of a header, by its long name. */
export function headerOf({ head }: Pick<WireMessage, "head">, name: string): string | undefined {
  return new RegExp(`^${name}[ \\t]*:[ \\t]*(.*?)[ \\t]*$`, "im").exec(head)?.[1];
}

/** Every value of a header, by its long name. */
export function headersOf({ head }: Pick<WireMessage, "head">, name: string): readonly string[] {
  return [...head.matchAll(new RegExp(`^${name}[ \\t]*:[ \\t]*(.*?)[ \\t]*$`, "gim"))]
    .map(([, value = ""]) => value);
}

/**
 * What came, in its order: methods, and statuses with the method that they answer, such as
 * `200 INVITE`. Repetitions of the one before are left out.
 */
export function received(messages: readonly WireMessage[]): readonly string[] {
  return messages.filter(({ direction }) => direction === "received")
    .map(({ name, cseq }) => /^\d/.test(name) ? `${name} ${cseq.split(" ")[1]}` : name)
    .filter((name, index, all) => name !== all[index - 1]);
}

/**
 * The first message that came with such a name.
 *
 * @param name A method, or a status with the method that it answers, such as `200 INVITE`.
 * @throws {Error} None came.
 */
export function find(messages: readonly WireMessage[], name: string): WireMessage {
  return nth(messages, name, 0);
}

/** The same for a later one, counted from 0; repetitions count. */
export function nth(messages: readonly WireMessage[], name: string, index: number): WireMessage {
  const [first = "", method] = name.split(" ");
  const found =
    messages.filter((message) =>
      message.direction === "received" && message.name === first &&
      (method === undefined || message.cseq.endsWith(` ${method}`))
    )[index];
  if (found === undefined) {
    throw new Error(`No ${name} number ${index} among ${received(messages).join(", ")}`);
  }
  return found;
}
