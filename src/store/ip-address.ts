import ipaddr from 'ipaddr.js';

/** An address in the one form that `inet` takes: without zone, IPv4-mapped as IPv4. Null for what is no address. */
export function storableAddress(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value.trim().replace(/%.*$/s, '');
  // ipaddr.js also reads octal, hexadecimal and shortened IPv4, which mean different hosts to different programs.
  if (!ipaddr.IPv6.isValid(text) && !ipaddr.IPv4.isValidFourPartDecimal(text)) return null;
  return ipaddr.process(text).toString();
}
