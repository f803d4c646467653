/**
 * The shape of a transition table: one row for each arrow of an RFC figure.
 *
 * @module
 */

/** Where an event leads, and what is done on the way, in order. */
export interface Transition<State extends string, Action extends string> {
  readonly next: State;
  readonly actions: readonly Action[];
}

/**
 * A machine as data: state, event, transition. An event that a state does not name changes nothing
 * there.
 */
export type TransitionTable<
  State extends string,
  Event extends string,
  Action extends string,
> = Readonly<Record<State, Readonly<Partial<Record<Event, Transition<State, Action>>>>>>;

/** The classes of responses in the figures of INVITE transactions. */
export type InviteResponseClass = "1xx" | "2xx" | "300-699";

/** The classes of responses in the figures of all other transactions. */
export type ResponseClass = "1xx" | "200-699";

/** Puts the status code of a response to INVITE into its class. */
export function inviteResponseClass(statusCode: number): InviteResponseClass {
  if (statusCode < 200) return "1xx";
  return statusCode < 300 ? "2xx" : "300-699";
}

/** Puts the status code of a response to another request into its class. */
export function responseClass(statusCode: number): ResponseClass {
  return statusCode < 200 ? "1xx" : "200-699";
}
