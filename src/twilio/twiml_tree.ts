/**
 * Reads the XML of a TwiML document into elements, with their lines.
 *
 * @module
 */

import { SaxesParser } from "saxes";

/** An element. Names are as written: those of TwiML tell cases apart. */
export interface TwimlElement {
  readonly name: string;
  /** From 1. */
  readonly line: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly TwimlElement[];
  /** All text in it, that of elements within included. */
  readonly text: string;
}

/** What came of it. `message` names line and column. */
export type TwimlTree =
  | { readonly ok: true; readonly root: TwimlElement }
  | { readonly ok: false; readonly message: string };

/** Longest document, in characters, as with Twilio. */
const LENGTH_MAX = 64 << 10;

/** Elements of one document, their attributes, and how deep elements may lie in each other. */
const ELEMENTS_MAX = 1000;
const ATTRIBUTES_MAX = 5000;
const DEPTH_MAX = 10;

/** Longest message of the XML parser, which quotes names of any length. */
const MESSAGE_MAX = 128;

interface OpenElement {
  readonly name: string;
  readonly line: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: TwimlElement[];
  text: string;
}

/** A document that is not taken. */
class XmlError extends Error {}

/**
 * Reads a document. Never throws. Entities that a document defines are not known: DTDs are refused.
 * White space before it is passed over, since many a template begins with a line break.
 */
export function readTwiml(text: string): TwimlTree {
  if (text.length > LENGTH_MAX) {
    return { ok: false, message: `it is longer than ${LENGTH_MAX >> 10} KiB` };
  }
  const parser = new SaxesParser<{ position: true; xmlns: false }>({
    position: true,
    xmlns: false,
  });
  const open: OpenElement[] = [];
  let root: TwimlElement | undefined;
  const count = { elements: 0, attributes: 0 };
  const refuse = (what: string): never => {
    throw new XmlError(`line ${parser.line}: ${what}`);
  };
  parser.on("error", (error) => {
    // "1:7: unclosed tag"
    const [, line = "?", what = error.message] = /^(\d+):\d+: (.*)$/s.exec(error.message) ?? [];
    throw new XmlError(`line ${line}: ${what.slice(0, MESSAGE_MAX).replace(/\.$/, "")}`);
  });
  parser.on("doctype", () => refuse("a document type is not taken, leave out <!DOCTYPE>"));
  parser.on("opentag", ({ name, attributes }) => {
    if (++count.elements > ELEMENTS_MAX) refuse(`more than ${ELEMENTS_MAX} elements`);
    if (open.length >= DEPTH_MAX) refuse(`elements lie more than ${DEPTH_MAX} deep in each other`);
    open.push({ name, line: parser.line, attributes: { ...attributes }, children: [], text: "" });
  });
  parser.on("attribute", () => {
    if (++count.attributes > ATTRIBUTES_MAX) refuse(`more than ${ATTRIBUTES_MAX} attributes`);
  });
  const add = (piece: string): void => {
    const within = open.at(-1);
    if (within !== undefined) within.text += piece;
  };
  parser.on("text", add);
  parser.on("cdata", add);
  parser.on("closetag", () => {
    const element = open.pop();
    const outer = open.at(-1);
    if (outer === undefined) root = element;
    else if (element !== undefined) {
      outer.children.push(element);
      outer.text += element.text;
    }
  });
  try {
    parser.write(text.trimStart()).close();
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    return { ok: false, message: error.message };
  }
  return root === undefined ? { ok: false, message: "there is no element" } : { ok: true, root };
}
