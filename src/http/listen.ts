// Where the server listens: one address, or both loopback addresses. Not for who may connect (see guard.ts).
import type { Server } from 'node:http'
import type { App, ServerFactory } from './app.ts'

/** `second` serves the other loopback address; null if there is none. */
export type Listeners = { port: number; second: Server | null }

/**
 * `localhost` may mean either loopback address, and another user must not be able to take the one that is left free. Rejects with the
 * system's error, such as EADDRINUSE.
 */
export async function listen(
  app: App,
  createListener: ServerFactory,
  { host, port }: { host: string; port: number },
): Promise<Listeners> {
  const both = host === 'localhost' || host === '127.0.0.1' || host === '::1'
  if (!both) {
    await app.listen({ host, port })
    return { port: portOf(app), second: null }
  }
  await app.listen({ host: '127.0.0.1', port })
  const second = await listenOnIpv6(createListener(), portOf(app))
  return { port: portOf(app), second }
}

function portOf(app: App): number {
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Null on a machine without IPv6. Rejects if the port is taken there. */
function listenOnIpv6(server: Server, port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT'
      if (isMissing) resolve(null)
      else reject(error)
    })
    server.listen({ host: '::1', port, ipv6Only: true }, () => resolve(server))
  })
}

/** The server's URL as programs of this machine can reach it. */
export function localUrl(host: string, port: number): string {
  const isWide = ['0.0.0.0', '::', '::1'].includes(host)
  const name = isWide ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}
