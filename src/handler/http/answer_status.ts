/**
 * What the status of a response means to whoever waits for actions. RFC 9110 §15.
 *
 * @module
 */

/** Statuses with something to do about them. */
const FIXES: Readonly<Record<number, string>> = {
  400: "it does not understand the request, look at its log",
  401: "does it know our secret, or the credentials of the URL?",
  403: "does it know our secret, or let us in at all?",
  404: "is the path right?",
  405: "does it take POST at this path?",
  406: "it has nothing of the kind that we take",
  410: "is the path right?",
  413: "it does not take requests that large",
  415: "it does not take requests of this media type",
  429: "it asks for fewer requests",
  502: "the server behind it is not well",
  503: "it is not ready, or overloaded",
  504: "the server behind it is too slow",
};

/** Says what may be wrong, for a status that is no answer. */
export function whyRefused(status: number): string {
  const fix = FIXES[status];
  if (fix !== undefined) return fix;
  if (status >= 500) return "it has failed, look at its log";
  return status >= 400 ? "it refuses the request, look at its log" : "that is no answer";
}

/**
 * The method of the request that follows a redirection; `undefined` when the status is none.
 *
 * §15.4.2, §15.4.3: 301 and 302 may keep the method, and what is told to a webhook would be lost
 * with the body.
 */
export function redirection(status: number, method: "GET" | "POST"): "GET" | "POST" | undefined {
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return method;
    case 303:
      return "GET";
    default:
      return undefined;
  }
}
