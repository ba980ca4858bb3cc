// The combinations that cli-switches.test.ts leaves out.
import './cli-switches.test.ts'
