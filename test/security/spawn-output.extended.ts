// The combinations that spawn-output.test.ts leaves out.
import './spawn-output.test.ts'
