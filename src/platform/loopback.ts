// Decides whether a host to listen on is reachable only from this machine.
// It knows only the usual spellings; any other counts as reachable from outside, which is the safe mistake.
// Not for Host headers of requests.

import { isIPv4 } from 'node:net'

const loopbackNames: readonly string[] = ['localhost', '::1', '[::1]']

export function isLoopbackHost(host: string): boolean {
  // Not canonicalized on purpose: 0, 0x7f.1, ０ and the like mean different things to different resolvers.
  return loopbackNames.includes(host.toLowerCase()) || (isIPv4(host) && host.startsWith('127.'))
}
