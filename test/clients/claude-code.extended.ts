// The case that claude-code.test.ts leaves out.
import './claude-code.test.ts'
