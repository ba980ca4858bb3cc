// Tests claude-serve with Anthropic's official client: one suite for every major version, each unmodified and over a
// real connection. The cases are in the other anthropic-*.ts files, by topic.
import { after, beforeEach, describe, type TestContext } from 'node:test'
import { startTestServer } from '../helpers/test-server.ts'
import { longModel } from './anthropic-calls.ts'
import { testContent } from './anthropic-content.ts'
import { testDoor } from './anthropic-door.ts'
import { testErrors } from './anthropic-errors.ts'
import { testFields } from './anthropic-fields.ts'
import { testFormats } from './anthropic-formats.ts'
import { testHistory } from './anthropic-history.ts'
import { testLimits } from './anthropic-limits.ts'
import { testModels } from './anthropic-models.ts'
import type { AnthropicPackage, Subject } from './anthropic-subject.ts'
import { testText } from './anthropic-text.ts'
import { testThinking } from './anthropic-thinking.ts'
import { testToolKinds } from './anthropic-tool-kinds.ts'
import { testToolLoops } from './anthropic-tool-loops.ts'
import { testTools } from './anthropic-tools.ts'

/** `isFormer`: a former major version, for which only the cases run in which the versions could differ. */
export async function testAnthropicClient(name: string, anthropic: AnthropicPackage, isFormer = false): Promise<void> {
  const config = { maxProcesses: 4, modelMap: { [longModel]: 'haiku' } }
  const server = await startTestServer({ after: after as TestContext['after'] }, { config })
  const makeClient = ({ url }: { url: string }) => new anthropic.Anthropic({ baseURL: url, apiKey: 'sk-dummy' })
  const subject: Subject = { ...anthropic, server, client: makeClient(server), makeClient, isFormer }
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
