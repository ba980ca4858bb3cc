// A request as Node's HTTP server makes it, without a connection: for what reads its method, its target and its headers.
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

export type IncomingFields = { method?: string; url?: string; headers?: readonly (readonly [string, string])[] }

/** Names in lower case; the same one may occur twice. */
export function incoming({ method = 'GET', url = '/', headers = [] }: IncomingFields = {}): IncomingMessage {
  const message = new IncomingMessage(new Socket())
  message.method = method
  message.url = url
  const byName = Map.groupBy(headers, ([name]) => name)
  const values = [...byName].map(([name, pairs]): [string, string[]] => [name, pairs.map(([, value]) => value)])
  message.headersDistinct = Object.fromEntries(values)
  message.headers = Object.fromEntries(values.map(([name, all]) => [name, all.join(', ')]))
  return message
}
