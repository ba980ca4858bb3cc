// Cases of the OpenAI suite: the Responses API. The cases are in the neighboring files, by topic.
import { beforeEach, describe } from 'node:test'
import { OpenAI } from 'openai'
import type { TestServer } from '../helpers/test-server.ts'
import { testKeptConversations } from './openai-conversations.ts'
import type { Subject } from './openai-response-calls.ts'
import { testCompaction } from './openai-response-compaction.ts'
import { testConversations } from './openai-response-conversations.ts'
import { testErrors } from './openai-response-errors.ts'
import { testStored } from './openai-response-stored.ts'
import { testText } from './openai-response-text.ts'
import { testTools } from './openai-response-tools.ts'
import { testWebsocket } from './openai-response-websocket.ts'

export function testResponsesApi(server: TestServer): void {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' })
  const subject: Subject = { server, client, OpenAI }

  describe('the Responses API with openai 7', () => {
    beforeEach(() => server.upstream.reset())
    testText(subject)
    testConversations(subject)
    testTools(subject)
    testStored(subject)
    testErrors(subject)
    testCompaction(subject)
    testWebsocket(subject)
    testKeptConversations(subject)
  })
}
