import { stripTypeScriptTypes } from 'node:module';

/** Jest transformer: Node's own type stripping, which keeps lines and columns, so no source maps are needed. */
export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) };
