// Which user of this machine is at the other end of a loopback connection: Linux tells, in its table of sockets. It can only be used
// to refuse: that nobody can be named says nothing.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

const tables = { IPv4: '/proc/net/tcp', IPv6: '/proc/net/tcp6' }

const hexPort = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')

/**
 * The peer's socket is the one whose own port is our peer's and whose other end is ours. Both ends stand in the table of the
 * address family that they were opened with. Null where the system does not tell.
 */
export function peerUserId({ remotePort, localPort, remoteFamily }: Socket): number | null {
  if (process.platform !== 'linux' || remotePort === undefined || localPort === undefined) return null
  const own = `:${hexPort(remotePort)}`
  const other = `:${hexPort(localPort)}`
  for (const table of remoteFamily === 'IPv6' ? [tables.IPv6, tables.IPv4] : [tables.IPv4, tables.IPv6]) {
    for (const line of linesOf(table)) {
      const [, local, remote, , , , , uid] = line.trim().split(/\s+/)
      if (local?.endsWith(own) && remote?.endsWith(other) && uid !== undefined) return Number(uid)
    }
  }
  return null
}

function linesOf(table: string): string[] {
  try {
    return readFileSync(table, 'utf8').split('\n').slice(1)
  } catch {
    return []
  }
}
