// Reads JSON responses for commands and checks the parts that they use, since another program may be listening at the address that the
// user set. Not for finding the server or sending requests (see server-client.ts).
import { CommandError } from './command.ts'
import type { ServerClient } from './server-client.ts'

/** The response to a GET request; `isExpected` checks the parts that the caller uses. Throws CommandError. */
export async function getJson<T>(
  client: ServerClient,
  path: string,
  isExpected: (body: Partial<T>) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  const response = await client.send('GET', path, undefined, signal)
  const body: unknown = await response.json().catch((error) => {
    if (signal?.aborted) throw error
    return null
  })
  if (typeof body === 'object' && body !== null && isExpected(body as Partial<T>)) return body as T
  throw new CommandError(`the server at ${client.url} is not claude-serve: pass the correct address with --url`)
}
