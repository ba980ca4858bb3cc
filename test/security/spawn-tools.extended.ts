// The combinations that spawn-tools.test.ts leaves out.
import './spawn-tools.test.ts'
