// The combinations that openai.test.ts leaves out.
import './openai.test.ts'
