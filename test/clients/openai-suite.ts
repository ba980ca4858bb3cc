// What a user of an official OpenAI client gets from a whole claude-serve: one suite for every major version of the client,
// each unmodified and over a real connection. The cases lie in the files beside this one, by theme.
import { after, beforeEach, describe, type TestContext } from 'node:test'
import type { OpenAI } from 'openai'
import type { zodResponseFormat } from 'openai/helpers/zod'
import { startTestServer, type TestServer } from '../helpers/test-server.ts'
import { testContent } from './openai-content.ts'
import { testErrors } from './openai-errors.ts'
import { testHistory } from './openai-history.ts'
import { testIsolation } from './openai-isolation.ts'
import { testLimits } from './openai-limits.ts'
import { testModels } from './openai-models.ts'
import { testText } from './openai-text.ts'
import { testToolLoops } from './openai-tool-loops.ts'
import { testTools } from './openai-tools.ts'

/** The parts of the client's package that the suite needs; the types are those of the newest version. */
export type OpenaiPackage = { OpenAI: typeof OpenAI; zodResponseFormat: typeof zodResponseFormat }

/** What the cases of the suite share. */
export type Subject = OpenaiPackage & {
  server: TestServer
  client: OpenAI
  makeClient: (target: { url: string }) => OpenAI
}

/** `isFormer`: a former major version, with which only that is tried in which the versions could differ. */
export async function testOpenaiClient(name: string, openai: OpenaiPackage, isFormer = false): Promise<void> {
  const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 4 } })
  const makeClient = ({ url }: { url: string }) => new openai.OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-dummy' })
  const subject: Subject = { ...openai, server, client: makeClient(server), makeClient }
  describe(name, () => {
    beforeEach(() => server.upstream.reset())
    testText(subject)
    testTools(subject)
    testToolLoops(subject)
    testModels(subject)
    testErrors(subject)
    if (isFormer) return
    // What depends on the server alone.
    testContent(subject)
    testHistory(subject)
    testLimits(subject)
    testIsolation(subject)
  })
}
