/**
 * The version of this program, as the package states it.
 *
 * @module
 */

import packageJson from "../package.json" with { type: "json" };

/** Such as `0.1.0`. */
export const VERSION: string = packageJson.version;
