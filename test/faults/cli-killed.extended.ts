// The combinations that cli-killed.test.ts leaves out.
import './cli-killed.test.ts'
