// The combinations that anthropic.test.ts leaves out.
import './anthropic.test.ts'
