// The combinations that openai-responses.test.ts leaves out.
import './openai-responses.test.ts'
