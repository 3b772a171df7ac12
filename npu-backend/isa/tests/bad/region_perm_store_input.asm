# E_REGION_PERM @0: a store to the inputs
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
ST.st region=R2 n=[16,1,1,1] # fix: ST.st region=R1 n=[16,1,1,1]
VX.halt
