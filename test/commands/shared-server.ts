// One test server for all tests of a file, closed after them.
import { after } from 'node:test'
import { startTestServer, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

export async function startSharedServer(options?: TestServerOptions): Promise<TestServer> {
  const cleanUp: (() => unknown)[] = []
  const server = await startTestServer({ after: (step?: unknown) => cleanUp.push(step as () => unknown) }, options)
  after(async () => {
    for (const step of cleanUp) await step()
  })
  return server
}
