/** What a client is told when something does not work. `expose` lets the audit log keep the message. */
export class Problem extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly expose = true;

  constructor(statusCode: number, code: string, message: string) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
  }
}
