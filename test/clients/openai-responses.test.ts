// What a user of the official OpenAI client gets from a complete claude-serve through the Responses API, over a real
// connection. The cases are in the neighboring files, by topic.
import { after, beforeEach, describe, type TestContext } from 'node:test'
import { OpenAI } from 'openai'
import { startTestServer } from '../helpers/test-server.ts'
import type { Subject } from './openai-response-calls.ts'
import { testConversations } from './openai-response-conversations.ts'
import { testErrors } from './openai-response-errors.ts'
import { testStored } from './openai-response-stored.ts'
import { testText } from './openai-response-text.ts'
import { testTools } from './openai-response-tools.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 4 } })
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' })
const subject: Subject = { server, client, OpenAI }

describe('the Responses API with openai 7', () => {
  beforeEach(() => server.upstream.reset())
  testText(subject)
  testConversations(subject)
  testTools(subject)
  testStored(subject)
  testErrors(subject)
})
