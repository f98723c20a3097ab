function Get-Field {
    # Returns one field of a row by its dotted name; nothing where the row has none. A name that leads through a list
    # gives the list of what its items hold.
    param($Row, [string] $Name)
    $First, $Rest = $Name -split '\.', 2
    $Found = $null
    if ($Row -is [System.Collections.IDictionary]) {
        if ($Row.Contains($First)) { $Found = $Row[$First] }
    }
    elseif ($null -ne $Row) {
        $Property = $Row.PSObject.Properties[$First]
        if ($null -ne $Property) { $Found = $Property.Value }
    }
    if (-not $Rest) { return , $Found }
    if ($Found -isnot [System.Collections.IDictionary] -and $Found -is [System.Collections.IList]) {
        return , @(foreach ($Each in $Found) { Get-Field $Each $Rest })
    }
    return , (Get-Field $Found $Rest)
}

function Get-CommonName {
    # Returns the first name of a distinguished name, and any other text as it is.
    param($Held)
    if ($null -eq $Held) { return $null }
    if ([string] $Held -notmatch '^cn=((?:\\.|[^,\\])+),') { return [string] $Held }
    return $Matches[1] -replace '\\(.)', '$1'
}

function Get-ErrorText {
    # Returns all that an error says: the modules differ in where they put the service's own code.
    param($Problem)
    return [string] $Problem.FullyQualifiedErrorId + ' ' + $Problem.Exception.Message + ' ' + $Problem.ErrorDetails
}
