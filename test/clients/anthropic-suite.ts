// Tests claude-serve with Anthropic's official client: one suite for every major version, each unmodified and over a
// real connection. The cases are in the other anthropic-*.ts files, by topic.
import { after, beforeEach, describe, type TestContext } from 'node:test'
import type { Anthropic } from '@anthropic-ai/sdk'
import type { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import type { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { startTestServer, type TestServer } from '../helpers/test-server.ts'
import { longModel } from './anthropic-calls.ts'
import { testContent } from './anthropic-content.ts'
import { testDoor } from './anthropic-door.ts'
import { testErrors } from './anthropic-errors.ts'
import { testFields } from './anthropic-fields.ts'
import { testFormats } from './anthropic-formats.ts'
import { testHistory } from './anthropic-history.ts'
import { testLimits } from './anthropic-limits.ts'
import { testModels } from './anthropic-models.ts'
import { testText } from './anthropic-text.ts'
import { testThinking } from './anthropic-thinking.ts'
import { testToolKinds } from './anthropic-tool-kinds.ts'
import { testToolLoops } from './anthropic-tool-loops.ts'
import { testTools } from './anthropic-tools.ts'

/** The parts of the client's package that the suite needs; the types are those of the newest version. */
export type AnthropicPackage = {
  Anthropic: typeof Anthropic
  betaTool: typeof betaTool
  zodOutputFormat: typeof zodOutputFormat
  /** The version of the API that the client requests by default. */
  version: '2023-06-01' | '2026-10-21'
}

/** What the cases of the suite share. */
export type Subject = AnthropicPackage & {
  server: TestServer
  client: Anthropic
  makeClient: (target: { url: string }) => Anthropic
}

/** `isFormer`: a former major version, for which only the cases run in which the versions could differ. */
export async function testAnthropicClient(name: string, anthropic: AnthropicPackage, isFormer = false): Promise<void> {
  const config = { maxProcesses: 4, modelMap: { [longModel]: 'haiku' } }
  const server = await startTestServer({ after: after as TestContext['after'] }, { config })
  const makeClient = ({ url }: { url: string }) => new anthropic.Anthropic({ baseURL: url, apiKey: 'sk-dummy' })
  const subject: Subject = { ...anthropic, server, client: makeClient(server), makeClient }
  describe(name, () => {
    beforeEach(() => server.upstream.reset())
    testText(subject)
    testTools(subject)
    testToolLoops(subject)
    testFormats(subject)
    testModels(subject)
    testErrors(subject)
    if (isFormer) return
    // These cases depend only on the server.
    testContent(subject)
    testHistory(subject)
    testToolKinds(subject)
    testThinking(subject)
    testLimits(subject)
    testFields(subject)
    testDoor(subject)
  })
}
