// The combinations that spawn-environment.test.ts leaves out.
import './spawn-environment.test.ts'
