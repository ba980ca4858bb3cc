// The combinations that spawn-executable.test.ts leaves out.
import './spawn-executable.test.ts'
