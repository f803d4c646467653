/**
 * Environment variables in the values of a configuration: `${NAME}`, `${NAME:-default}`, and `$${`
 * for a plain `${`.
 *
 * They are filled in after the file was read, so a value can never add keys or lines.
 *
 * @module
 */

/** Variables of the process, handed in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What came of filling in. `reasons` are in the order of the text. */
export type Substituted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reasons: readonly string[] };

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const CONTENT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Fills in variables. As in a shell, `:-` gives the default for a variable that is unset or empty;
 * without a default, unset is an error and empty is not. A value is not read again.
 */
export function substituteEnvironment(text: string, env: Environment): Substituted {
  const reasons: string[] = [];
  const filled = text.replace(REFERENCE, (_found, content: string | undefined, close: string) => {
    if (content === undefined) return "${";
    const parts = close === "" ? null : CONTENT.exec(content);
    if (parts === null) {
      // Not quoted: it may be part of a password.
      reasons.push('Behind "${" there is no variable, write "$${" for the text itself');
      return "";
    }
    const name = parts[1] as string;
    const fallback = parts[2];
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    reasons.push(
      `The environment variable ${name} is not set, set it or write "\${${name}:-default}"`,
    );
    return "";
  });
  return reasons.length === 0 ? { ok: true, text: filled } : { ok: false, reasons };
}
