/**
 * Scenarios of SIPp, written down as what one side says and waits for.
 *
 * A script knows what repeats itself in every scenario: CSeq numbers, branches, tags, routes, and
 * which request a response answers. SIPp aborts a call when something comes that is not waited for.
 *
 * @module
 */

/** What goes into a message beside what its dialog says. */
export interface SippParts {
  /** Complete lines. */
  readonly headers?: readonly string[];
  /** Lines of a session description, such as those of {@linkcode sdp}. */
  readonly sdp?: readonly string[];
  /** Lines of another body; `headers` name its type. */
  readonly body?: readonly string[];
  /** Request-URI in place of the one that the dialog leads to. */
  readonly uri?: string;
  /** User part of the Contact. Default: `sipp`. */
  readonly contactUser?: string;
  /** Contact of a response in place of SIPp's own. */
  readonly contact?: string;
  /** What the tag of a response to the first INVITE ends with: another fork of it. */
  readonly fork?: string;
  /** SIPp asks again when no answer comes; default, but for ACK and provisional responses. */
  readonly isRepeated?: boolean;
}

/** How a response is waited for. */
export interface SippExpectation {
  /** Variables for `[$name]`: a header with its colon, and what of it is kept. */
  readonly keep?: Readonly<Record<string, readonly [header: string, regexp: string]>>;
  /** It holds a challenge that a later `[authentication …]` answers. */
  readonly auth?: boolean;
  /** Route set and target of the dialog are taken from it. Default: those of a 2xx to INVITE. */
  readonly routes?: boolean;
}

/** What a description says. */
export interface SippSdp {
  /** Default: 1. */
  readonly version?: number;
  readonly direction?: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  /** Default: PCMU, PCMA and telephone-event. */
  readonly formats?: readonly string[];
  /** Default: this machine's. */
  readonly address?: string;
  /** Default: SIPp's. */
  readonly port?: number;
  /** Further lines, such as a second stream. */
  readonly more?: readonly string[];
}

const RTPMAPS: Readonly<Record<string, string>> = {
  "0": "PCMU/8000",
  "8": "PCMA/8000",
  "18": "G729/8000",
  "101": "telephone-event/8000",
};

const PHRASES: Readonly<Record<number, string>> = {
  100: "Trying",
  180: "Ringing",
  183: "Session Progress",
  200: "OK",
  202: "Accepted",
  302: "Moved Temporarily",
  401: "Unauthorized",
  407: "Proxy Authentication Required",
  422: "Session Interval Too Small",
  481: "Call/Transaction Does Not Exist",
  486: "Busy Here",
  487: "Request Terminated",
  491: "Request Pending",
  503: "Service Unavailable",
  603: "Decline",
};

/** Lines of a session description. */
export function sdp(given: SippSdp = {}): readonly string[] {
  const { version = 1, direction, formats = ["0", "8", "101"], more = [] } = given;
  return [
    "v=0",
    `o=sipp 53655765 ${version} IN IP[local_ip_type] [local_ip]`,
    "s=-",
    `c=IN IP4 ${given.address ?? "[media_ip]"}`,
    "t=0 0",
    `m=audio ${given.port ?? "[media_port]"} RTP/AVP ${formats.join(" ")}`,
    ...formats.map((format) => `a=rtpmap:${format} ${RTPMAPS[format]}`),
    "a=ptime:20",
    ...(direction === undefined ? [] : [`a=${direction}`]),
    ...more,
  ];
}

const LOCAL_TAG = ";tag=[pid]-[call_number]";
/** Headers of a request of the peer that a response copies. */
const COPIED = ["Via", "From", "To", "Call-ID", "CSeq"] as const;

/** One scenario in the making. Every method adds a step and returns the script. */
export class SippScript {
  readonly #role: "caller" | "callee";
  readonly #steps: string[] = [];
  readonly #variables = new Set<string>();
  #dialog: "first" | "other" = "first";
  #isInDialog = false;
  #sequence = 0;
  #inviteSequence = 0;
  #invites = 0;
  #lastMethod = "";

  private constructor(role: "caller" | "callee") {
    this.#role = role;
  }

  /** A script that begins with a request of SIPp's. */
  static caller(): SippScript {
    return new SippScript("caller");
  }

  /** A script that begins with an INVITE to SIPp, which it waits for. */
  static callee(): SippScript {
    return new SippScript("callee").again();
  }

  /** Waits for the first INVITE once more: it was refused, and is tried in another way. */
  again(): this {
    this.#isInDialog = false;
    return this.receive("INVITE", { from: ["From:", "[^ ].*"], to: ["To:", "[^ ].*"] });
  }

  /** Sends the INVITE of a new call; without a description unless it is given one. */
  invite(parts: SippParts = {}): this {
    return this.request("INVITE", parts, "initial");
  }

  /** Sends INVITE, waits for its 200 and acknowledges it. */
  establish(parts: SippParts = {}): this {
    return this.invite({ sdp: sdp(), ...parts }).expect(200).ack();
  }

  /**
   * Sends a request.
   *
   * @param place Whether it belongs to the dialog, or begins one.
   */
  request(
    method: string,
    parts: SippParts = {},
    place: "initial" | "dialog" = "dialog",
  ): this {
    this.#sequence++;
    if (method === "INVITE") {
      this.#inviteSequence = this.#sequence;
      this.#invites++;
    }
    this.#lastMethod = method;
    return this.#send(this.#requestLines(method, this.#sequence, place, parts), parts, true);
  }

  /** Acknowledges a 2xx. */
  ack(parts: SippParts = {}): this {
    return this.#send(
      this.#requestLines("ACK", this.#inviteSequence, "dialog", parts),
      parts,
      false,
    );
  }

  /** Acknowledges a final response that is no 2xx, with the branch of the INVITE. */
  ackRefusal(): this {
    const place = this.#invites > 1 && this.#role === "caller" && this.#isInDialog
      ? "dialog"
      : this.#role === "callee"
      ? "dialog"
      : "initial";
    const lines = this.#requestLines("ACK", this.#inviteSequence, place, {}, "INVITE");
    return this.#send(lines, {}, false);
  }

  /** Cancels the INVITE that is out. */
  cancel(parts: SippParts = {}): this {
    this.#lastMethod = "CANCEL";
    const lines = this.#requestLines("CANCEL", this.#inviteSequence, "initial", parts, "INVITE");
    return this.#send(lines.filter((line) => !line.startsWith("Contact")), parts, true);
  }

  /** Sends BYE and waits for its 200. */
  bye(parts: SippParts = {}): this {
    return this.request("BYE", parts).expect(200);
  }

  /** Waits for a response; those to an INVITE may be preceded by 100 and 180. */
  expect(status: number, expectation: SippExpectation = {}): this {
    const isInvite = this.#lastMethod === "INVITE";
    if (isInvite && status !== 100) this.#steps.push('<recv response="100" optional="true" />');
    if (isInvite && status > 180) this.#steps.push('<recv response="180" optional="true" />');
    const takesRoutes = expectation.routes ?? (isInvite && status > 100 && status < 300);
    if (isInvite && status >= 200 && status < 300) this.#isInDialog = true;
    if (isInvite && status >= 200) this.#lastMethod = "";
    const attributes = [
      `response="${status}"`,
      ...(takesRoutes ? ['rrs="true"'] : []),
      ...(expectation.auth === true ? ['auth="true"'] : []),
    ];
    return this.#recv(attributes, expectation.keep ?? {});
  }

  /** Waits for a request, and remembers what its responses copy. */
  receive(method: string, keep: SippExpectation["keep"] = {}): this {
    const isFirst = method === "INVITE" && this.#role === "callee" && !this.#isInDialog;
    if (isFirst) this.#isInDialog = true;
    const name = isFirst ? "FIRST" : method;
    const copied = Object.fromEntries(
      COPIED.map((
        header,
      ) => [`${header.replace("-", "").toLowerCase()}${name}`, [`${header}:`, "[^ ].*"] as const]),
    );
    const attributes = [`request="${method}"`, ...(isFirst ? ['rrs="true"'] : [])];
    return this.#recv(attributes, { ...copied, ...keep });
  }

  /**
   * Answers a request that was waited for.
   *
   * @param method Its method; `FIRST` is the INVITE that a callee's script begins with.
   */
  respond(method: string, status: number, parts: SippParts = {}, phrase?: string): this {
    const isInvite = method === "INVITE" || method === "FIRST";
    // Requests before the dialog have no tag of ours
    const tag = this.#role === "callee" && (method === "FIRST" || method === "CANCEL")
      ? LOCAL_TAG
      : "";
    const lines = [
      `SIP/2.0 ${status} ${phrase ?? PHRASES[status] ?? "Whatever"}`,
      `Via: [$via${method}]`,
      `From: [$from${method}]`,
      `To: [$to${method}]${tag}${parts.fork ?? ""}`,
      `Call-ID: [$callid${method}]`,
      `CSeq: [$cseq${method}]`,
      ...(isInvite || method === "UPDATE" ? [contactOf(parts)] : []),
      ...contentLines(parts),
    ];
    return this.#send(lines, parts, isInvite && status >= 200);
  }

  /** Waits for a request and answers it with 200. */
  answer(method: string, parts: SippParts = {}): this {
    return this.receive(method).respond(method, 200, parts);
  }

  /**
   * From here on requests belong to another dialog, which `invite` begins. For SIPp it is the same
   * call: what stands before the slashes does not count.
   */
  inAnotherDialog(): this {
    this.#dialog = "other";
    this.#isInDialog = false;
    return this;
  }

  /** Does nothing for a while. What comes meanwhile is a failure. */
  pause(milliseconds: number): this {
    this.#steps.push(`<pause milliseconds="${milliseconds}" />`);
    return this;
  }

  /** The scenario as SIPp reads it. */
  toXml(): string {
    const variables = [...this.#variables];
    const references = variables.length === 0
      ? []
      : [`<Reference variables="${variables.join(",")}" />`];
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<!DOCTYPE scenario SYSTEM "sipp.dtd">',
      '<scenario name="script">',
      ...this.#steps,
      ...references,
      "</scenario>",
      "",
    ].join("\n");
  }

  #requestLines(
    method: string,
    sequence: number,
    place: "initial" | "dialog",
    parts: SippParts,
    branchOf = method,
  ): readonly string[] {
    const isInitial = place === "initial";
    const isCallee = this.#role === "callee";
    const uri = parts.uri ??
      (isInitial ? "sip:[service]@[remote_ip]:[remote_port]" : "[next_url]");
    const branch = `z9hG4bK-[pid]-[call_number]-${branchOf}-${sequence}`;
    const isOther = this.#dialog === "other";
    const tag = isOther ? `${LOCAL_TAG}-other` : LOCAL_TAG;
    const caller = `"sipp" <sip:sipp@[local_ip]:[local_port]>${tag}`;
    const callee = "<sip:[service]@[remote_ip]:[remote_port]>";
    const hasContact = ["INVITE", "UPDATE", "OPTIONS", "REFER"].includes(method);
    return [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=${branch}`,
      ...(isInitial ? [] : ["[routes]"]),
      "Max-Forwards: 70",
      `From: ${isCallee ? `[$to]${LOCAL_TAG}` : caller}`,
      `To: ${isCallee ? "[$from]" : `${callee}${isInitial ? "" : "[peer_tag_param]"}`}`,
      `Call-ID: ${isOther ? "other///" : ""}[call_id]`,
      `CSeq: ${sequence} ${method}`,
      ...(hasContact ? [contactOf(parts)] : []),
      ...(isInitial && method === "INVITE" ? ["X-Room-ID: [room]"] : []),
      ...contentLines(parts),
    ];
  }

  #send(lines: readonly string[], { isRepeated, sdp, body }: SippParts, repeats: boolean): this {
    const attributes = isRepeated ?? repeats ? ' retrans="500"' : "";
    const text = [...lines, "Content-Length: [len]", "", ...sdp ?? body ?? []].join("\n");
    this.#steps.push(`<send${attributes}><![CDATA[\n\n${text}\n\n]]></send>`);
    return this;
  }

  #recv(attributes: readonly string[], keep: NonNullable<SippExpectation["keep"]>): this {
    const actions = Object.entries(keep).map(([name, [header, regexp]]) => {
      this.#variables.add(name);
      return `<ereg regexp="${escapeXml(regexp)}" search_in="hdr" header="${header}" ` +
        `check_it="true" assign_to="${name}" />`;
    });
    const inner = actions.length === 0 ? "" : `<action>${actions.join("")}</action>`;
    this.#steps.push(`<recv ${attributes.join(" ")}>${inner}</recv>`);
    return this;
  }
}

function contactOf({ contactUser = "sipp", contact }: SippParts): string {
  if (contact !== undefined) return `Contact: ${contact}`;
  return `Contact: <sip:${contactUser}@[local_ip]:[local_port];transport=[transport]>`;
}

function contentLines({ headers = [], sdp }: SippParts): readonly string[] {
  return [...headers, ...(sdp === undefined ? [] : ["Content-Type: application/sdp"])];
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
