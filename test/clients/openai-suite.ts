// What a user of an official OpenAI client gets from a complete claude-serve: one suite for every major version of the
// client, each unmodified and over a real connection. The cases are in the neighboring files, by topic.
import { after, beforeEach, describe, type TestContext } from 'node:test'
import { startTestServer, type TestServer } from '../helpers/test-server.ts'
import type { OpenaiPackage, Subject } from './openai-calls.ts'
import { testContent } from './openai-content.ts'
import { testErrors } from './openai-errors.ts'
import { testHistory } from './openai-history.ts'
import { testLimits } from './openai-limits.ts'
import { testModels } from './openai-models.ts'
import { testText } from './openai-text.ts'
import { testToolLoops } from './openai-tool-loops.ts'
import { testTools } from './openai-tools.ts'

/** Closed at the end of the file. */
export const startSuiteServer = () =>
  startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 4 } })

/** `isFormer`: a previous major version, which runs only the cases in which the versions could differ. */
export function testOpenaiClient(name: string, openai: OpenaiPackage, server: TestServer, isFormer = false): Subject {
  const makeClient = ({ url }: { url: string }) => new openai.OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-dummy' })
  const subject: Subject = { ...openai, server, client: makeClient(server), makeClient, isFormer }
  describe(name, () => {
    beforeEach(() => server.upstream.reset())
    testText(subject)
    testTools(subject)
    testToolLoops(subject)
    testModels(subject)
    testErrors(subject)
    if (isFormer) return
    // Cases that depend only on the server.
    testContent(subject)
    testHistory(subject)
    testLimits(subject)
  })
  return subject
}
