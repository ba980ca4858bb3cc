// Finds the user of this machine at the other end of a loopback connection, from Linux's table of sockets. Use it only
// to refuse: if no user is found, that proves nothing.
import { readFile } from 'node:fs/promises'
import { isIPv4, type Socket } from 'node:net'
import { endianness } from 'node:os'
import { SharedWork } from '../platform/shared-work.ts'

/** A user id; `gone` if no process holds the other end any more; null if the system does not show it. */
export type PeerUser = number | 'gone' | null

/** Both ends of the connection. An IPv6 socket may also have opened a connection between IPv4 addresses. */
type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>

/** The eight groups of an IPv6 address; `::` stands for as many zeros as are missing. */
function groupsOf(address: string): number[] {
  const [before = '', after] = (address.split('%')[0] ?? '').split('::')
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [head, tail] = [read(before), read(after ?? '')]
  return after === undefined ? head : [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

function bytesOf(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number)
  return groupsOf(address).flatMap((group) => [group >> 8, group & 255])
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')

/** The kernel writes every four bytes as one number in its own byte order. */
function words(bytes: readonly number[]): string {
  const starts = bytes.map((_, index) => index).filter((index) => index % 4 === 0)
  const word = (start: number) => bytes.slice(start, start + 4)
  return starts.flatMap((start) => (endianness() === 'LE' ? word(start).reverse() : word(start)).map(hex)).join('')
}

const portOf = (port: number) => `${hex(port >> 8)}${hex(port & 255)}`

/** The start of the peer's line in the table: its own end comes first. */
function lineStart({ localAddress, localPort, remoteAddress, remotePort }: Ends, isMapped: boolean): string | null {
  if (!localAddress || !remoteAddress || localPort === undefined || remotePort === undefined) return null
  const prefix = isMapped ? [...Array<number>(10).fill(0), 255, 255] : []
  const end = (address: string, port: number) => `${words([...prefix, ...bytesOf(address)])}:${portOf(port)}`
  return `${end(remoteAddress, remotePort)} ${end(localAddress, localPort)} `
}

/**
 * Compares whole addresses: the same port of another loopback address may be anybody's. Takes 1 to 2 ms, because the
 * kernel walks the table of all possible connections; so the table is not read in this thread.
 */
export async function peerUser(socket: Ends): Promise<PeerUser> {
  if (process.platform !== 'linux') return null
  const isV4 = isIPv4(socket.remoteAddress ?? '')
  const [start, mapped] = [lineStart(socket, false), isV4 ? lineStart(socket, true) : null]
  const find = async () => {
    const user = await userIn(isV4 ? tables.ipv4 : tables.ipv6, start)
    return user === 'gone' && mapped !== null ? userIn(tables.ipv6, mapped) : user
  }
  const user = await find()
  // A line can be missing if the table changes while it is read.
  return user === 'gone' ? find() : user
}

/**
 * The tables as the kernel writes them, which grow with the connections of the whole machine: each is read once at a time, for all
 * connections that wait for it, so that many of them at once cost no more memory than one.
 */
const tables = {
  ipv4: new SharedWork(() => readFile('/proc/net/tcp', 'latin1').catch(() => null)),
  ipv6: new SharedWork(() => readFile('/proc/net/tcp6', 'latin1').catch(() => null)),
}

async function userIn(table: SharedWork<string | null>, start: string | null): Promise<PeerUser> {
  const text = await table.done()
  if (text === null) return null
  const position = start === null ? -1 : text.indexOf(`: ${start}`)
  if (position === -1) return 'gone'
  const [, , , , , , , uid, , inode] = text.slice(position, text.indexOf('\n', position)).split(/\s+/)
  // A closed socket has no owner; the table shows it as root's.
  return inode === '0' ? 'gone' : Number(uid)
}
