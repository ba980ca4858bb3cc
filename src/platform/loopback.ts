// Says whether a host that the server is told to listen on stays on this machine.
// It knows the usual spellings only: a spelling it does not know counts as reaching beyond, which is the safe mistake.
// It is not for Host headers of requests.

import { isIPv4 } from 'node:net'

const loopbackNames: readonly string[] = ['localhost', '::1', '[::1]']

export function isLoopbackHost(host: string): boolean {
  // No canonicalising here on purpose: 0, 0x7f.1, ０ and the like mean different things to different resolvers.
  return loopbackNames.includes(host.toLowerCase()) || (isIPv4(host) && host.startsWith('127.'))
}
