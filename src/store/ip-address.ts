import ipaddr from 'ipaddr.js';

// `[2001:db8::1]:443`, as RFC 7239 and URLs write it, and `203.0.113.7:51008`. A port may be hidden: `_backend-1`.
const BRACKETED = /^\[([^\]]*)\](?::(?:\d{1,5}|_[\w.-]+))?$/;
const IPV4_WITH_PORT = /^([\d.]+):(?:\d{1,5}|_[\w.-]+)$/;

/**
 * An address in the one form that `inet` takes: without port, brackets, quotation marks and zone, IPv4-mapped as IPv4.
 * Null for what is no address, and for a list, because which one of it to believe is for the service to decide.
 */
export function storableAddress(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const quoted = value.trim();
  const text = /^".*"$/s.test(quoted) ? quoted.slice(1, -1).trim() : quoted;
  const bracketed = BRACKETED.exec(text)?.[1];
  const address = (bracketed ?? IPV4_WITH_PORT.exec(text)?.[1] ?? text).replace(/%.*$/s, '');
  // ipaddr.js also reads octal, hexadecimal and shortened IPv4, which mean different hosts to different programs.
  const isIpv4 = bracketed === undefined && ipaddr.IPv4.isValidFourPartDecimal(address);
  return isIpv4 || ipaddr.IPv6.isValid(address) ? ipaddr.process(address).toString() : null;
}
