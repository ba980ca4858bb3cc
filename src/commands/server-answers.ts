// A server's JSON as commands take it: checked for what they need of it, since another program may listen at an address that
// somebody has given. Not for how the server is found and asked (see server-client.ts).
import { CommandError } from './command.ts'
import type { ServerClient } from './server-client.ts'

/** The answer to GET; `isExpected` looks at what the caller is going to use. Throws CommandError. */
export async function getJson<T>(
  client: ServerClient,
  path: string,
  isExpected: (body: Partial<T>) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  const response = await client.send('GET', path, undefined, signal)
  const body: unknown = await response.json().catch((fault) => {
    if (signal?.aborted) throw fault
    return null
  })
  if (typeof body === 'object' && body !== null && isExpected(body as Partial<T>)) return body as T
  throw new CommandError(`what answers at ${client.url} is not claude-serve: give its address with --url`)
}
