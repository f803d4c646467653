/**
 * Session descriptions to text, in the order that RFC 8866 §9 demands.
 *
 * @module
 */

import type {
  MediaDescription,
  SdpAttribute,
  SdpConnection,
  SdpLine,
  SessionDescription,
} from "./session_description.ts";

/** The order of session lines before timing; unknown types follow them. RFC 8866 §5. */
const BEFORE_CONNECTION = ["i", "u", "e", "p"];

/**
 * Writes a session description, every line ended by CRLF.
 *
 * @throws {RangeError} A value holds a line end or NUL: writing it would add lines of its own.
 */
export function serializeSessionDescription(description: SessionDescription): string {
  const { origin, otherLines } = description;
  // Ours have none
  const others = (types: readonly string[]) =>
    otherLines.length === 0 ? [] : otherLines.filter((line) => types.includes(line.type));
  const known = [...BEFORE_CONNECTION, "b", "k"];
  const lines: SdpLine[] = [
    { type: "v", value: String(description.version) },
    {
      type: "o",
      value: `${origin.username} ${origin.sessionId} ${origin.sessionVersion} ` +
        `${origin.netType} ${origin.addressType} ${origin.address}`,
    },
    // §5.3: "s=" is never empty.
    { type: "s", value: description.sessionName || "-" },
    ...BEFORE_CONNECTION.flatMap((type) => others([type])),
    ...connectionLines(description.connection),
    ...others(["b"]),
    ...description.timing,
    ...others(["k"]),
    ...otherLines.filter((line) => !known.includes(line.type)),
    ...description.attributes.map(attributeLine),
    ...description.media.flatMap(mediaLines),
  ];
  return lines.map(writeLine).join("");
}

/** The lines of one media section. RFC 8866 §9, `media-descriptions`. */
function mediaLines(media: MediaDescription): SdpLine[] {
  const port = media.portCount === 1 ? `${media.port}` : `${media.port}/${media.portCount}`;
  const ofType = (type: string) => media.otherLines.filter((line) => line.type === type);
  return [
    { type: "m", value: [media.kind, port, media.protocol, ...media.formats].join(" ") },
    ...ofType("i"),
    ...connectionLines(media.connection),
    ...ofType("b"),
    ...ofType("k"),
    ...media.otherLines.filter((line) => !"ibk".includes(line.type)),
    ...media.attributes.map(attributeLine),
  ];
}

function connectionLines(connection: SdpConnection | undefined): SdpLine[] {
  if (connection === undefined) return [];
  return [{ type: "c", value: `IN ${connection.addressType} ${connection.address}` }];
}

function attributeLine({ name, value }: SdpAttribute): SdpLine {
  return { type: "a", value: value === undefined ? name : `${name}:${value}` };
}

const UNSAFE = /[\r\n\0]/;

/** The one place where text is written: nothing passes that would end its line early. */
function writeLine({ type, value }: SdpLine): string {
  if (UNSAFE.test(value)) {
    throw new RangeError(`Line "${type}=" holds a line end or NUL`);
  }
  return `${type}=${value}\r\n`;
}
