// The combinations that spawn-contract.test.ts leaves out.
import './spawn-contract.test.ts'
