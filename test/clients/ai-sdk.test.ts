// What a user of the AI SDK gets from a complete claude-serve: each provider unmodified and over a real connection, all of
// them with one server. The cases are in the other ai-sdk-*.ts files, by provider.
import { after, type TestContext } from 'node:test'
import { startTestServer } from '../helpers/test-server.ts'
import { testAnthropic } from './ai-sdk-anthropic.ts'
import { testChat } from './ai-sdk-chat.ts'
import { testResponses } from './ai-sdk-responses.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 3 } })

testChat(server)
testResponses(server)
testAnthropic(server)
