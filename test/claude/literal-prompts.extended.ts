// The combinations that literal-prompts.test.ts leaves out.
import './literal-prompts.test.ts'
